// Command expunge erases a person from every system that holds a share of them, and proves
// it. expunge --help lists the commands.
//
// This package and those below it are the only ones that wire the parts together, and the
// only ones that read the environment.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the linker.
var version = "devel"

func main() { os.Exit(execute(os.Args[1:], surroundings())) }

// world is what a command may touch of its process.
type world struct {
	in       io.Reader
	out, err io.Writer
	getenv   func(string) string
}

func surroundings() world {
	return world{in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv}
}

// execute runs one command line and returns the exit code. The first SIGINT or SIGTERM
// ends the command's context, which is time to finish what was begun; the second ends the
// process at once.
func execute(args []string, w world) int {
	ctx, restore := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer restore()
	context.AfterFunc(ctx, restore)

	root := newRoot(w)
	root.SetArgs(args)
	return report(w.err, root.ExecuteContext(ctx))
}
