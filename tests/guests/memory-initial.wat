;; Begins with more memory than it may have.
(module
    (memory $large 1025)
;; @memory
;; @describe
;; @check-settings
;; @evaluate
)
