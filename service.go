package gennostr

import (
	"context"
	"errors"
)

// ChildSpec is a client as a supervisor starts it, again and again (OTP's
// child_spec). [Service] makes it.
type ChildSpec struct {
	handler func() Handler // immutable
	opts    []Option       // immutable
}

// Service describes a client to a supervisor: suture takes the result as it
// is, errgroup and oklog/run take its Serve. Each start gets a handler of its
// own from the factory, so that no state outlives a crash.
func Service(handler func() Handler, opts ...Option) *ChildSpec {
	return &ChildSpec{handler: handler, opts: opts}
}

// Serve runs one client until it stops or ctx ends, and returns what [Run] does:
// a failure is returned also when ctx ended first.
//
// When the client stops by itself without a failure, or Init returned
// [ErrIgnore], the error is that of [WithStopError]. While ctx lives, no error
// of Serve is context.Canceled or context.DeadlineExceeded to errors.Is:
// supervisors take these for an end that they asked for.
func (s *ChildSpec) Serve(ctx context.Context) error {
	cfg, err := newConfig(s.opts)
	if err != nil {
		return err
	}
	if s.handler == nil {
		return errors.New("gennostr: Service without a factory of handlers")
	}
	err = Run(ctx, s.handler(), s.opts...)
	switch {
	case ctx.Err() != nil:
		return err
	case err == nil:
		return cfg.stopError
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &serviceError{err}
	}
	return err
}

// String names the service in a supervisor's log: by WithName, if it has one.
func (s *ChildSpec) String() string {
	if cfg, err := newConfig(s.opts); err == nil && cfg.name != "" {
		return cfg.name
	}
	return "gennostr client"
}

// serviceError is an error that is no end of a context, whatever it wraps.
type serviceError struct{ err error }

func (e *serviceError) Error() string { return e.err.Error() }

func (e *serviceError) Is(target error) bool {
	return target != context.Canceled && target != context.DeadlineExceeded && errors.Is(e.err, target)
}

func (e *serviceError) As(target any) bool { return errors.As(e.err, target) }
