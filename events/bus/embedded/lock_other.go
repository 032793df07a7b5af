//go:build !unix

package embedded

// lock does nothing where the operating system has no advisory locks: keep two servers off
// one store there.
func lock(string) (unlock func(), err error) { return func() {}, nil }
