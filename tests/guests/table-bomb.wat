;; Asks for more and more table elements.
(module
;; @memory
;; @describe
;; @check-settings
    (table $table 1 funcref)
    (func (export "orch:gate/gate@0.1.0#evaluate") (result i32)
        (loop $more
            (drop (table.grow $table (ref.null func) (i32.const 1000)))
            (br $more))
        (unreachable))
)
