"""From a device's name to a session that runs there, or the reason why none does.

`naming` reads what was asked for; `providers` tells what can be told before a session is made, with `libraries`,
`nvidia`, `plugins` and `wheels` for the causes; `options`, `shapes` and `engines` say how a provider is set up;
`opening` makes the session and asks it where it came up; `placement` reads where each node runs. An app that stays on
the CPU loads `naming`, `opening` and `placement` alone.
"""
