// Mutants plants known bugs, one at a time, and sees to it that the tests find each: a
// promise whose breach no test notices is not kept by the tests. Each bug is a patch in
// this folder that says what is wrong and which check must catch it. All happens in a copy
// of the tree; before the first bug the same checks must be green without any.
//
//	go run ./.ci/mutants [-list] [name ...]
//
// It exits with 1 if a mutant survived, and with 2 if the run proves nothing: a check is
// red without a mutant, a patch does not apply, or what it makes does not compile.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

const folder = ".ci/mutants"

// errSurvived means that the tests do not notice a bug.
var errSurvived = errors.New("survived")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	list := flag.Bool("list", false, "print the mutants and plant none")
	flag.Parse()
	err := run(ctx, os.Stdout, *list, flag.Args())
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "mutants:", err)
	if errors.Is(err, errSurvived) {
		os.Exit(1)
	}
	os.Exit(2)
}

// run works in the root of the tree, as make does.
func run(ctx context.Context, out io.Writer, list bool, names []string) error {
	mutants, err := readMutants(folder, names)
	if err != nil {
		return err
	}
	if list {
		for _, m := range mutants {
			fmt.Fprintf(out, "%-*s  %s\n", widest(mutants), m.name, m.wrong)
		}
		return nil
	}
	t, err := copyTree(ctx)
	if err != nil {
		return fmt.Errorf("copy the tree: %w", err)
	}
	defer os.RemoveAll(t.dir)
	if err := healthy(ctx, out, t, mutants); err != nil {
		return err
	}
	survivors, err := plantAll(ctx, out, t, mutants)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%d mutants, %d caught, %d survived\n", len(mutants), len(mutants)-survivors, survivors)
	if survivors > 0 {
		return fmt.Errorf("%d %w: write the test that notices", survivors, errSurvived)
	}
	return nil
}

// healthy runs every check that a mutant names, without a mutant: what is red anyway
// catches nothing, and neither does a test that is not there any more.
func healthy(ctx context.Context, out io.Writer, t tree, mutants []mutant) error {
	fmt.Fprintln(out, "without a mutant:")
	for _, c := range checks {
		tests, needed := testsOf(c, mutants)
		if !needed {
			continue
		}
		began := time.Now()
		v, err := c.run(ctx, t, tests)
		if err != nil {
			return fmt.Errorf("check %s: %w", c.name, err)
		}
		if v.failed != "" {
			return fmt.Errorf("check %s: %s fails without a mutant:\n%s", c.name, v.failed, v.output)
		}
		for _, name := range namedIn(c, mutants) {
			if !v.passed[name] {
				return fmt.Errorf("check %s: no test %s passed", c.name, name)
			}
		}
		fmt.Fprintf(out, "  %-14s %6.1f s  ok\n", c.name, time.Since(began).Seconds())
	}
	return nil
}

// plantAll prints a line for each mutant, and returns how many nobody caught.
func plantAll(ctx context.Context, out io.Writer, t tree, mutants []mutant) (survivors int, err error) {
	fmt.Fprintf(out, "\n%-*s  %7s  %s\n", widest(mutants), "mutant", "seconds", "caught by")
	for _, m := range mutants {
		began := time.Now()
		by, err := hunt(ctx, t, m)
		if err != nil {
			return survivors, fmt.Errorf("%s: %w", m.name, err)
		}
		if by == "" {
			survivors++
			by = "SURVIVED"
		}
		fmt.Fprintf(out, "%-*s  %7.1f  %s\n", widest(mutants), m.name, time.Since(began).Seconds(), by)
	}
	return survivors, nil
}

// hunt plants a mutant and returns the check and test that caught it, or "".
func hunt(ctx context.Context, t tree, m mutant) (by string, err error) {
	if err := t.apply(ctx, m); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, t.revert(ctx, m)) }()
	for _, c := range checks {
		tests, named := m.caughtBy[c.name]
		if !named {
			continue
		}
		v, err := c.run(ctx, t, tests)
		if err != nil || v.failed != "" {
			return c.name + ": " + v.failed, err
		}
	}
	return "", nil
}

func widest(mutants []mutant) (n int) {
	for _, m := range mutants {
		n = max(n, len(m.name))
	}
	return n
}
