"""A lab of network namespaces around a real anyhomed: what `scripts/lab`, `scripts/demo` and the tests
of whole processes are built on. Nothing but Python's standard library and the tools that
`scripts/setup` installs."""
