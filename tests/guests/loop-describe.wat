;; Never says what it is.
(module
;; @memory
    (func (export "orch:gate/gate@0.1.0#describe") (result i32)
        (loop $forever (br $forever))
        (unreachable))
;; @check-settings
;; @evaluate
)
