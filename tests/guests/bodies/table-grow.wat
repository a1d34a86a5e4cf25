(drop (table.grow $t (ref.null func) (i32.const 15000))) (drop (table.grow $u (ref.null func) (i32.const 15000)))
