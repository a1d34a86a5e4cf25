;; Wants to reach the network through a part of WASI that gates do not get.
(module
    (import "wasi:sockets/instance-network@0.2.0" "open" (func $open (result i32)))
;; @memory
;; @describe
;; @check-settings
;; @pass
    (func (export "orch:gate/gate@0.1.0#evaluate") (result i32)
        (drop (call $open))
        (global.get $pass))
)
