// Package foreign makes errors harmless that come from code which is not ours: of a
// program's verifier, dialer, policy or connection. Their methods are that code too,
// and are called whenever somebody asks what kind of error it is: on goroutines on
// which a panic ends the program, and long after the call whose error it was.
package foreign

import (
	"errors"
	"fmt"
	"io"
)

// Confine returns an error that says what err says and is to errors.Is and errors.As
// what err is, but for what its methods do besides: one that panics, or ends its
// goroutine, has said no. What Error says is asked now, and once. nil and io.EOF,
// which is compared with ==, are returned as they are.
func Confine(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	if known, ok := err.(*confined); ok {
		return known
	}
	c := &confined{err: err}
	if !try(func() bool { c.text = err.Error(); return true }) {
		c.text = fmt.Sprintf("an error of type %T that cannot be printed", err)
	}
	return c
}

// confined is not unwrapped by anybody but itself.
type confined struct {
	text string
	err  error
}

func (c *confined) Error() string { return c.text }

func (c *confined) Is(target error) bool { return try(func() bool { return errors.Is(c.err, target) }) }

func (c *confined) As(target any) bool { return try(func() bool { return errors.As(c.err, target) }) }

// try asks on a goroutine of its own, which may end as it likes: it is joined here. No
// answer is a no.
func try(ask func() bool) (answer bool) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer func() { _ = recover() }()
		answer = ask()
	}()
	<-ended
	return answer
}
