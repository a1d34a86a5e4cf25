;; Returns a report of 8 MiB that really lies in its memory.
(module
;; @memory
;; @describe
;; @check-settings
    (func (export "orch:gate/gate@0.1.0#evaluate") (result i32)
        (drop (memory.grow (i32.const 160)))
        (i32.store (i32.const 48) (i32.const 65536))
        (i32.store (i32.const 52) (i32.const 0x800000))
        (i32.const 0))
)
