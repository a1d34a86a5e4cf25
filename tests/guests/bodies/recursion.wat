(call $recurse)
