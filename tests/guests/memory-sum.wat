;; Stays below the limit with each of its memories and goes over it with all of them.
(module
;; @memory
;; @describe
;; @check-settings
    (memory $second 1)
    (memory $third 1)
;; @pass
    (func (export "orch:gate/gate@0.1.0#evaluate") (result i32)
        (drop (memory.grow $memory (i32.const 400)))
        (drop (memory.grow $second (i32.const 400)))
        (drop (memory.grow $third (i32.const 400)))
        (global.get $pass))
)
