package config

import _ "embed"

// Example is a commented configuration that works.
//
//go:embed example.yaml
var Example string
