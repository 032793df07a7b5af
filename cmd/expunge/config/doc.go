// Package config reads the configuration file of expunge. [Read] reports everything that
// is wrong with a file at once, each fault with its line and its path in the file; start
// there. The type [Config] says what can be configured, and [Example] is a commented file
// that works.
//
// Values come from the file, then from the environment, then from flags: the later one
// wins. Which values the latter two can set is in [Overridable].
package config
