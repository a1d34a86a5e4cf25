;; Returns a million empty findings that really lie in its memory.
(module
;; @memory
;; @describe
;; @check-settings
    (func (export "orch:gate/gate@0.1.0#evaluate") (result i32)
        (drop (memory.grow (i32.const 900)))
        (i32.store (i32.const 40) (i32.const 65536))
        (i32.store (i32.const 44) (i32.const 1000000))
        (i32.const 0))
)
