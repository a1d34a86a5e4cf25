;; Says that its verdict lies at an odd address.
(module
;; @memory
;; @describe
;; @check-settings
    (func (export "orch:gate/gate@0.1.0#evaluate") (result i32)
        (i32.const 3))
)
