;; Reads the same artefact for ever.
(module
    (import "orch:gate/artefacts@0.1.0" "read" (func $read (param i32 i32 i32)))
;; @memory
;; @describe
;; @check-settings
    (func (export "orch:gate/gate@0.1.0#evaluate") (result i32)
        (loop $more
            (global.set $heap (i32.const 65536))
            (call $read (i32.const 0) (i32.const 0) (i32.const 64))
            (br $more))
        (unreachable))
)
