package socket

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

var (
	// ErrTooLarge is what a *TooLongError is, and ends a connection whose peer goes far beyond the read limit.
	ErrTooLarge = errors.New("socket: message over the read limit")
	// ErrMessageTimeout ends a connection whose peer takes too long over a message.
	ErrMessageTimeout = errors.New("socket: message timeout")
	// ErrWriteTimeout ends a connection whose peer did not take a message in time.
	ErrWriteTimeout = errors.New("socket: write timeout")
	// ErrHandshakeTimeout ends a dial that took too long.
	ErrHandshakeTimeout = errors.New("socket: handshake timeout")
	// ErrClosed ends a connection after Close.
	ErrClosed = errors.New("socket: closed")
	// ErrDenied is what DenyPrivate's refusals are.
	ErrDenied = errors.New("socket: address is not on the public internet")
)

// HandshakeError is a dial that failed.
type HandshakeError struct {
	Status     int           // of the HTTP answer, 0 if there was none
	RetryAfter time.Duration // of the answer, 0 if it had none
	Err        error
}

func (e *HandshakeError) Error() string { return "socket: handshake: " + e.Err.Error() }
func (e *HandshakeError) Unwrap() error { return e.Err }

// withoutURL takes off what net/http says in front of a cause: its text repeats
// the URL, whose query may hold a token.
func withoutURL(err error) error {
	for e := err; e != nil; e = errors.Unwrap(e) {
		if u, ok := e.(*url.Error); ok {
			return u.Err
		}
	}
	return err
}

// PanicError is a panic in a DialContext, its connection or a Policy, which run on
// goroutines of net/http and net, where it would end the program.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("socket: panic in a dialer, its connection or a policy: %v", e.Value)
}

// recovered, when deferred, makes a panic the error of the function.
func recovered(err *error) {
	if v := recover(); v != nil {
		*err = &PanicError{Value: v, Stack: debug.Stack()}
	}
}

// CloseError is the peer's close frame.
type CloseError struct {
	Code   int
	Reason string // valid UTF-8
}

func (e *CloseError) Error() string {
	return fmt.Sprintf("socket: peer closed: %d %q", e.Code, e.Reason)
}

// TooLongError is a message over the read limit that was read past. It is an
// ErrTooLarge; the connection goes on behind it.
type TooLongError struct {
	Length, Limit int64  // bytes, decompressed
	Head          []byte // the first KiB of it
}

func (e *TooLongError) Error() string {
	return fmt.Sprintf("%v: %d bytes of at most %d", ErrTooLarge, e.Length, e.Limit)
}
func (e *TooLongError) Unwrap() error { return ErrTooLarge }

// retryAfter reads the header of that name: seconds, or a date (RFC 9110, 10.2.3).
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

// printable makes hostile text fit for an error: one short line.
func printable(text string) string {
	const most = 200
	var b strings.Builder
	for _, r := range strings.TrimSpace(text) {
		if b.Len() >= most {
			b.WriteString("…")
			break
		}
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}
