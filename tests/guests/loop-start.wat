;; Never comes up.
(module
    (func $start (loop $forever (br $forever)))
    (start $start)
;; @memory
;; @describe
;; @check-settings
;; @evaluate
)
