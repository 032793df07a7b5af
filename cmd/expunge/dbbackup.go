package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/expunge-io/expunge/cmd/expunge/assembly"
	"github.com/expunge-io/expunge/cmd/expunge/config"
	"github.com/expunge-io/expunge/storage/bolt"
)

func dbBackupCommand(w world) *cobra.Command {
	var data, from string
	c := &cobra.Command{
		Use: "backup FILE", Short: "Write a backup of the store to a new file, and check it",
		Long: `Write a backup of the store to a new file, and check it. With --url it is that of a running
orchestrator, which gives it to who can read its data folder: --data names that as well.
Otherwise it is that of a stopped one. It holds no key: take a keys backup after it.

` + exitCodes,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			source := func(w io.Writer) error { return backupStopped(c.Context(), data, w) }
			if from != "" {
				source = func(w io.Writer) error { return backupRunning(c.Context(), from, data, w) }
			}
			r, err := saveBackup(c.Context(), args[0], source)
			if err != nil {
				return err
			}
			fmt.Fprintf(w.out, "%s: %d live and %d finished sagas, checked\n", args[0], r.Live, r.Finished)
			fmt.Fprintln(w.out, "next: expunge keys backup, and keep only the newest of those")
			return nil
		},
	}
	c.Flags().StringVar(&data, "data", "data", dataHelp)
	c.Flags().StringVar(&from, "url", "", "loopback address of a running orchestrator, such as http://127.0.0.1:8080")
	return c
}

func backupStopped(ctx context.Context, data string, w io.Writer) error {
	file := assembly.StoreFile(data)
	if _, err := os.Stat(file); err != nil {
		return err
	}
	s, err := bolt.Open(file, bolt.Config{})
	if err != nil {
		return adviseLocked(err, "give --url with its HTTP address")
	}
	return errors.Join(s.Backup(ctx, w), s.Close())
}

func backupRunning(ctx context.Context, from, data string, w io.Writer) error {
	u, err := url.Parse(from)
	if err != nil || u.Scheme != "http" || !config.Loopback(u.Host) {
		return withCode(exitUsage, fmt.Errorf("--url %s: want a loopback address such as http://127.0.0.1:8080", from))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.JoinPath(assembly.BackupPath).String(), http.NoBody)
	if err != nil {
		return err
	}
	token, err := assembly.Token(data)
	if err != nil {
		return advise(err, "the orchestrator there gives a backup to who can read its data folder: name that with --data")
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return withCode(exitNoAnswer, advise(err, "is the orchestrator running there? its log says: orchestrator started, http=..."))
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusUnauthorized {
		return advise(fmt.Errorf("%s: %s", from, res.Status), "%s is not the data folder of the orchestrator there: name that with --data", data)
	}
	if res.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
		return fmt.Errorf("%s: %s: %s", from, res.Status, strings.TrimSpace(string(why)))
	}
	if _, err := io.Copy(w, res.Body); err != nil {
		return fmt.Errorf("the backup did not arrive whole: %w", err)
	}
	return nil
}

// saveBackup writes a backup to a new file. The file is there only once it is whole,
// checked, and on disk.
func saveBackup(ctx context.Context, file string, source func(io.Writer) error) (r bolt.Report, err error) {
	if _, err := os.Lstat(file); err == nil {
		return r, fmt.Errorf("%s: %w: a backup replaces no file", file, fs.ErrExist)
	}
	f, err := besides(file)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	if err := errors.Join(source(f), f.Sync(), f.Close()); err != nil {
		return r, err
	}
	if r, err = bolt.CheckFile(ctx, f.Name()); err != nil {
		return r, err
	}
	if len(r.Faults) > 0 {
		return r, advise(fmt.Errorf("the backup is not good: %w", &bolt.FaultyError{Report: r}), "expunge db check names what is wrong with the store")
	}
	if err := os.Link(f.Name(), file); err != nil {
		return r, err
	}
	d, err := os.Open(filepath.Dir(file))
	if err != nil {
		return r, err
	}
	return r, errors.Join(d.Sync(), d.Close())
}
