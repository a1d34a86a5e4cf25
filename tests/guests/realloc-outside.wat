;; Has the host write where the guest has no memory.
(module
    (import "orch:gate/artefacts@0.1.0" "read" (func $read (param i32 i32 i32)))
    (memory $memory (export "memory") 2)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (i32.const 0x7ffffff0))
;; @describe
;; @check-settings
;; @pass
    (func (export "orch:gate/gate@0.1.0#evaluate") (result i32)
        (call $read (i32.const 0) (i32.const 0) (i32.const 64))
        (global.get $pass))
)
