package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/expunge-io/expunge/cmd/expunge/assembly"
	"github.com/expunge-io/expunge/orchestrator"
	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/bolt"
)

func dbCommand(w world) *cobra.Command {
	c := group("db", "Check, compact, back up and restore the store of an orchestrator")
	c.AddCommand(dbCheckCommand(w), dbCompactCommand(w), dbBackupCommand(w), dbRestoreCommand(w))
	return c
}

const dataHelp = "data folder of the orchestrator"

// adviseLocked advises about a store or keys file that another process has open.
func adviseLocked(err error, try string) error {
	if !errors.Is(err, storage.ErrLocked) {
		return err
	}
	return advise(err, "the orchestrator is at work: %s", try)
}

func dbCheckCommand(w world) *cobra.Command {
	var data string
	c := &cobra.Command{
		Use: "check [FILE]", Short: "Read a store or a backup whole, and name everything that does not fit",
		Long: `Read the store of a stopped orchestrator, or a backup, whole: rows against their checksums,
tables against their digests, each history against its chain and each state against its history.
It prints a line for each fault, then totals, and changes nothing.

` + exitCodes,
		Args: args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			file, err := storeOrFile(c, data, args)
			if err != nil {
				return err
			}
			r, err := bolt.CheckFile(c.Context(), file)
			if err != nil {
				return adviseLocked(err, "stop it, or check a backup: expunge db backup --url")
			}
			printReport(w, r)
			if len(r.Faults) > 0 {
				return errSilent
			}
			return nil
		},
	}
	c.Flags().StringVar(&data, "data", "data", dataHelp)
	return c
}

func storeOrFile(c *cobra.Command, data string, args []string) (string, error) {
	if len(args) == 0 {
		return assembly.StoreFile(data), nil
	}
	if c.Flags().Changed("data") {
		return "", usage(c, errors.New("--data and FILE exclude each other"))
	}
	return args[0], nil
}

func printReport(w world, r bolt.Report) {
	for _, f := range r.Faults {
		if f.Saga == "" {
			fmt.Fprintln(w.out, "store:", f.What)
			continue
		}
		fmt.Fprintf(w.out, "saga %s: %s\n", f.Saga, f.What)
	}
	fmt.Fprintf(w.out, "%d live and %d finished sagas, %d faults\n", r.Live, r.Finished, len(r.Faults))
}

func dbCompactCommand(w world) *cobra.Command {
	var data string
	c := &cobra.Command{
		Use: "compact", Short: "Make the store of a stopped orchestrator as small as its rows allow",
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			file := assembly.StoreFile(data)
			before, err := os.Stat(file)
			if err != nil {
				return err
			}
			if err := bolt.Compact(c.Context(), file); err != nil {
				return adviseLocked(err, "stop it first")
			}
			after, err := os.Stat(file)
			if err != nil {
				return err
			}
			fmt.Fprintf(w.out, "%s: %d bytes, before %d\n", file, after.Size(), before.Size())
			return nil
		},
	}
	c.Flags().StringVar(&data, "data", "data", dataHelp)
	return c
}

func dbRestoreCommand(w world) *cobra.Command {
	var data string
	var force bool
	c := &cobra.Command{
		Use: "restore FILE", Short: "Put a backup in the place of the store, after checking it",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			kept, err := restore(c.Context(), args[0], data, replacing(force))
			if err != nil {
				return adviseRestore(err)
			}
			if kept != "" {
				fmt.Fprintln(w.out, "the store that was there is", kept)
			}
			fmt.Fprintf(w.out, restoredText, assembly.StoreFile(data), assembly.KeysFile(data))
			return nil
		},
	}
	c.Flags().StringVar(&data, "data", "data", dataHelp)
	c.Flags().BoolVar(&force, "force", false, "replace a store that is there, and keep it under another name")
	return c
}

const restoredText = `%s is restored

What to do next:
  1. put the newest keys backup beside it, as %s (mode 0600), unless the keys file is still there
  2. start the orchestrator; --take-over if it is refused because of the one before
  3. what happened after the backup is not in it: look at expunge watch, and confirm it with expunge op confirm-restore;
     from then on the data keys of erasures that it does not know are gone, and a newer store cannot be put back
`

// replacing says whether a store that is there may be replaced.
type replacing bool

// restore returns the name under which a store that was there is kept.
func restore(ctx context.Context, backup, data string, old replacing) (kept string, err error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return "", err
	}
	now := time.Now().UTC()
	file := assembly.StoreFile(data)
	r := bolt.Restoring{Mark: func(ctx context.Context, s storage.Store) error { return orchestrator.MarkRestored(ctx, s, now) }}
	if _, err := os.Stat(file); err == nil && bool(old) {
		r.Replaced = file + ".replaced-" + now.Format("20060102T150405.000Z")
	}
	return r.Replaced, bolt.Restore(ctx, backup, file, r)
}

func adviseRestore(err error) error {
	var faulty *bolt.FaultyError
	switch {
	case errors.Is(err, os.ErrExist):
		return advise(err, "--force replaces it, and keeps it under another name")
	case errors.As(err, &faulty):
		return advise(err, "nothing was changed; expunge db check names all of them; take another backup")
	}
	return adviseLocked(err, "stop it first")
}

// besides returns a name for a new file in the folder of another one.
func besides(file string) (*os.File, error) {
	return os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".part-*") // mode 0600
}
