;; Stays below the limit with each of its tables and goes over it with all of them.
(module
;; @memory
;; @describe
;; @check-settings
    (table $first 1 funcref)
    (table $second 1 funcref)
    (table $third 1 funcref)
;; @pass
    (func (export "orch:gate/gate@0.1.0#evaluate") (result i32)
        (drop (table.grow $first (ref.null func) (i32.const 9000)))
        (drop (table.grow $second (ref.null func) (i32.const 9000)))
        (drop (table.grow $third (ref.null func) (i32.const 9000)))
        (global.get $pass))
)
