;; Never comes back.
(module
;; @memory
;; @describe
;; @check-settings
    (func (export "orch:gate/gate@0.1.0#evaluate") (result i32)
        (loop $forever (br $forever))
        (unreachable))
)
