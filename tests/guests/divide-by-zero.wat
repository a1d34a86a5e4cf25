;; Divides by zero.
(module
;; @memory
;; @describe
;; @check-settings
    (func (export "orch:gate/gate@0.1.0#evaluate") (result i32)
        (i32.div_u (i32.const 1) (i32.load (i32.const 0))))
)
