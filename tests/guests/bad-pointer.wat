;; Says that its verdict lies where it has no memory.
(module
;; @memory
;; @describe
;; @check-settings
    (func (export "orch:gate/gate@0.1.0#evaluate") (result i32)
        (i32.const 0x7ffffff8))
)
