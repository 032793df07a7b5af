package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/expunge-io/expunge/cmd/expunge/assembly"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/bolt"
	"github.com/expunge-io/expunge/storage/vault"
)

func keysCommand(w world) *cobra.Command {
	c := group("keys", "Rotate the key-encryption key; check and back up the data keys")
	c.AddCommand(keysRotateCommand(w), keysBackupCommand(w), keysCheckCommand(w))
	return c
}

const kekHelp = "file of the key-encryption key (keys.kek_file); default: kek in the data folder"

func keysRotateCommand(w world) *cobra.Command {
	var data, kek, next string
	c := &cobra.Command{
		Use: "rotate", Short: "Wrap all data keys under a new key-encryption key",
		Long: `Wrap all data keys and hash keys of a stopped orchestrator under a new key-encryption key. From
then on the key before opens nothing that is left, and the new one opens no older copy of the
keys file: what was erased stays erased, whoever has the backups. A rotation that was cut off
is completed by the next one.

` + exitCodes,
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if (kek == "") != (next == "") {
				return usage(c, errors.New("--kek and --new-kek go together"))
			}
			r, err := assembly.Rotate(c.Context(), data, kek, next)
			if err != nil {
				return adviseLocked(err, "a rotation needs it stopped")
			}
			fmt.Fprintf(w.out, "%d data keys are under the new key-encryption key; %d that no saga needs were destroyed\n", r.Keys, r.Swept)
			if r.Unknown > 0 {
				fmt.Fprintf(w.out, "%d of them are of sagas that the store does not know: the next start destroys them, or keeps them if the store was put back\n", r.Unknown)
			}
			if next != "" {
				fmt.Fprintf(w.out, "next: set keys.kek_file to %s, then destroy %s and every copy of it\n", next, kek)
			}
			fmt.Fprintln(w.out, "next: expunge keys backup, and destroy every keys backup before it")
			return nil
		},
	}
	c.Flags().StringVar(&data, "data", "data", dataHelp)
	c.Flags().StringVar(&kek, "kek", "", kekHelp)
	c.Flags().StringVar(&next, "new-kek", "", "file of the new one, with --kek; made if it is not there")
	return c
}

func keysBackupCommand(w world) *cobra.Command {
	var data, kek string
	c := &cobra.Command{
		Use: "backup FILE", Short: "Copy the data keys to a new file, also while the orchestrator is at work",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			k, err := vault.LoadKEK(assembly.KEKFile(data, kek))
			if err != nil {
				return err
			}
			n, err := vault.Backup(assembly.KeysFile(data), args[0], k)
			switch {
			case errors.Is(err, fs.ErrExist):
				return advise(err, "a backup replaces no file: give another name, then remove the old one")
			case err != nil:
				return adviseKEK(err)
			}
			fmt.Fprintf(w.out, `%s: %d data keys, each of them opened
keep only the newest keys backup, apart from the key-encryption key: an older one still opens
what was erased since; take one after each db backup, never before
`, args[0], n)
			return nil
		},
	}
	c.Flags().StringVar(&data, "data", "data", dataHelp)
	c.Flags().StringVar(&kek, "kek", "", kekHelp)
	return c
}

func adviseKEK(err error) error {
	if !errors.Is(err, vault.ErrKey) {
		return err
	}
	return advise(err, "--kek names it; if a rotation was cut off, expunge keys rotate completes it")
}

func keysCheckCommand(w world) *cobra.Command {
	var data, kek string
	c := &cobra.Command{
		Use: "check [FILE]", Short: "Open every data key, and compare them with the sagas under way",
		Args: args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			k, err := vault.LoadKEK(assembly.KEKFile(data, kek))
			if err != nil {
				return err
			}
			file := assembly.KeysFile(data)
			if len(args) > 0 {
				file = args[0]
			}
			r, err := vault.Check(file, k)
			if err != nil {
				return adviseKEK(err)
			}
			faults, err := printKeys(c.Context(), w, data, r)
			if err == nil && faults > 0 {
				err = errSilent
			}
			return err
		},
	}
	c.Flags().StringVar(&data, "data", "data", dataHelp)
	c.Flags().StringVar(&kek, "kek", "", kekHelp)
	return c
}

// printKeys returns how many faults it told of.
func printKeys(ctx context.Context, w world, data string, r vault.Report) (faults int, err error) {
	for _, f := range r.Faults {
		fmt.Fprintf(w.out, "saga %s: %s\n", f.Saga, f.What)
	}
	faults = len(r.Faults)
	live, err := bolt.LiveOf(ctx, assembly.StoreFile(data))
	switch {
	case errors.Is(err, storage.ErrLocked), errors.Is(err, fs.ErrNotExist):
		fmt.Fprintln(w.out, "not compared with the sagas under way: the orchestrator is at work, or there is no store")
	case err != nil:
		return faults, err
	default:
		spare := map[saga.ID]bool{}
		for _, id := range r.IDs {
			spare[id] = true
		}
		for _, id := range live {
			if !spare[id] {
				fmt.Fprintf(w.out, "saga %s: is under way, and has no data key\n", id)
				faults++
			}
			delete(spare, id)
		}
		fmt.Fprintf(w.out, "%d sagas under way; %d keys of none, which the next start destroys but for those whose end the bus does not have\n", len(live), len(spare))
	}
	fmt.Fprintf(w.out, "%d data keys, %d hash keys, key-encryption key %d, %d leftovers, %d faults\n",
		r.Keys, r.HashKeys, r.Generation, r.Leftovers, faults)
	return faults, nil
}
