// Package proc runs the processes that are tortured: each can be killed, frozen and started
// again, and one that ends by itself is started again too, as a service manager would.
package proc

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Spec says what to run. Its output is appended to the file Log.
type Spec struct {
	Name string
	Path string
	Args []string
	Env  []string // besides that of this process
	Log  string
}

// Process is one process that is kept running. It may be used by several goroutines.
type Process struct {
	spec Spec

	mu    sync.Mutex
	cmd   *exec.Cmd // nil: down
	ended chan struct{}
	begun time.Time
	want  bool // whether it is to run
	exits int  // how often it ended by itself
}

// restartPause is how long a process that ended by itself stays down.
const restartPause = 300 * time.Millisecond

// New returns a process that does not run yet.
func New(s Spec) *Process { return &Process{spec: s} }

// Name is the name of the process.
func (p *Process) Name() string { return p.spec.Name }

// Log is the file that holds what it said.
func (p *Process) Log() string { return p.spec.Log }

// Start starts the process, unless it runs.
func (p *Process) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.want = true
	return p.start()
}

func (p *Process) start() error {
	if p.cmd != nil {
		return nil
	}
	out, err := os.OpenFile(p.spec.Log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()                                // the process has its own
	cmd := exec.Command(p.spec.Path, p.spec.Args...) //nolint:noctx // it is killed by name
	cmd.Env = append(os.Environ(), p.spec.Env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", p.spec.Name, err)
	}
	p.cmd, p.ended, p.begun = cmd, make(chan struct{}), time.Now()
	go p.watch(cmd, p.ended)
	return nil
}

// watch starts the process again when it has ended by itself.
func (p *Process) watch(cmd *exec.Cmd, ended chan struct{}) {
	_ = cmd.Wait() // how it ended is in its log
	p.mu.Lock()
	p.cmd = nil
	again := p.want
	if again {
		p.exits++
	}
	close(ended)
	p.mu.Unlock()
	if !again {
		return
	}
	time.AfterFunc(restartPause, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.want {
			_ = p.start() // it was started before: only a machine out of processes fails here
		}
	})
}

// Kill ends the process at once, with SIGKILL, and returns when it is gone. It stays down
// until Start.
func (p *Process) Kill() error { return p.end(syscall.SIGKILL) }

// Stop ends the process with SIGTERM, and returns when it is gone.
func (p *Process) Stop() error { return p.end(syscall.SIGTERM) }

func (p *Process) end(sig syscall.Signal) error {
	p.mu.Lock()
	p.want = false
	cmd, ended := p.cmd, p.ended
	p.mu.Unlock()
	if cmd == nil {
		return nil
	}
	if err := cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-ended
	return nil
}

// Freeze stops the process where it stands, and Thaw lets it go on. A process that is down
// is left alone.
func (p *Process) Freeze() { p.signal(syscall.SIGSTOP) }

// Thaw undoes Freeze.
func (p *Process) Thaw() { p.signal(syscall.SIGCONT) }

func (p *Process) signal(sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		_ = p.cmd.Process.Signal(sig) // it may have ended meanwhile
	}
}

// Age is for how long the process runs; 0: it is down.
func (p *Process) Age() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return 0
	}
	return time.Since(p.begun)
}

// Exits is how often the process ended without being told to.
func (p *Process) Exits() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.exits
}
