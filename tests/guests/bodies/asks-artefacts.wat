(call $artefacts (i32.const 8192))
