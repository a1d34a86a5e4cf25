;; Has more memories than any compiled gate needs.
(module
    (memory $a 1)
    (memory $b 1)
    (memory $c 1)
    (memory $d 1)
    (memory $e 1)
    (memory $f 1)
;; @memory
;; @describe
;; @check-settings
;; @evaluate
)
