;; Counts to a few hundred million, which takes longer than a tick and less than the budget.
(module
;; @memory
;; @describe
;; @check-settings
;; @pass
    (func (export "orch:gate/gate@0.1.0#evaluate") (result i32)
        (local $count i32)
        (loop $more
            (local.set $count (i32.add (local.get $count) (i32.const 1)))
            (i32.store (i32.const 0) (local.get $count))
            (br_if $more (i32.lt_u (local.get $count) (i32.const 300000000))))
        (global.get $pass))
)
