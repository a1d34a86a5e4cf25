;; Passes and does nothing else.
(module
;; @memory
;; @describe
;; @check-settings
;; @evaluate
)
