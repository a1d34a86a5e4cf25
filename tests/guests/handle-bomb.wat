;; Takes handles and gives none back.
(module
    (import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $after (param i64) (result i32)))
;; @memory
;; @describe
;; @check-settings
    (func (export "orch:gate/gate@0.1.0#evaluate") (result i32)
        (loop $more
            (drop (call $after (i64.const 1)))
            (br $more))
        (unreachable))
)
