;; Returns a summary of 1 GiB, of which it has two pages.
(module
;; @memory
;; @describe
;; @check-settings
    (func (export "orch:gate/gate@0.1.0#evaluate") (result i32)
        (i32.store (i32.const 28) (i32.const 0x40000000))
        (i32.const 0))
)
