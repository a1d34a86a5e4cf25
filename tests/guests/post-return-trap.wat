;; Answers well and traps while it cleans up.
(module
;; @memory
;; @describe
;; @check-settings
;; @evaluate
    (func (export "cabi_post_orch:gate/gate@0.1.0#evaluate") (param i32)
        (unreachable))
)
