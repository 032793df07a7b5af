package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// tree is a copy of the sources.
type tree struct{ dir string }

// copyTree copies what git knows or would take, as it is now, into a temporary folder.
func copyTree(ctx context.Context) (t tree, err error) {
	list, err := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return tree{}, fmt.Errorf("git ls-files: %w", err)
	}
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return tree{}, err
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		if err := copyFile(name, filepath.Join(dir, name)); err != nil {
			return tree{}, errors.Join(err, os.RemoveAll(dir))
		}
	}
	return tree{dir}, nil
}

func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // deleted, and git does not know yet
	}
	if err != nil {
		return err
	}
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, b, info.Mode().Perm())
}

func (t tree) apply(ctx context.Context, m mutant) error {
	if err := t.git(ctx, "apply", m.file); err != nil {
		return fmt.Errorf("the patch does not apply: make it again from the code as it is now\n%w", err)
	}
	return nil
}

// revert takes a mutant out again, also after an interrupt.
func (t tree) revert(ctx context.Context, m mutant) error {
	return t.git(context.WithoutCancel(ctx), "apply", "--reverse", m.file)
}

// git works in the copy, which is no repository: inside of one, git would apply nothing to
// it and call that a success.
func (t tree) git(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = t.dir
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(t.dir))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w\n%s", args[0], err, out)
	}
	return nil
}
