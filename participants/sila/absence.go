package sila

import "context"

// nobody returns nil if a refusal to show a person can only mean that nobody has the
// handle.
func (p *Participant) nobody(ctx context.Context, acc account) error {
	free, err := p.free(ctx, acc.handle)
	switch {
	case err != nil:
		return err
	case !free:
		return misconfigured("credentials", "a handle is taken, and is not shown to this app or with this user key")
	case p.config.Probe == "":
		return misconfigured("unseen_handle", "nobody has a handle that was named: another environment, or a person who is not there; configure a probe to tell them apart")
	}
	return p.probe(ctx)
}

// probe proves that the people of this environment can be seen.
func (p *Participant) probe(ctx context.Context) error {
	free, err := p.free(ctx, p.config.Probe)
	if err == nil && free {
		return misconfigured("probe_not_found", "nobody has the probe's handle: wrong environment or probe")
	}
	return err
}

// free asks whether a handle is free. The app's signature is enough for that.
func (p *Participant) free(ctx context.Context, handle string) (bool, error) {
	a, err := p.call(ctx, checkHandle, account{handle: handle}, request{Message: "header_msg"})
	if err == nil {
		err = verdictOf(a)
	}
	if err != nil {
		return false, err
	}
	success, known := a.said()
	if !known {
		return false, errStrange
	}
	return success, nil
}
