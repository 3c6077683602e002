package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip44"
	"github.com/gennostr/gennostr/nostrtest"
)

const (
	demoCustomers = 12
	demoEvery     = 8 * time.Millisecond // a request comes
	perKill       = 30                   // requests for each time that the wallet is killed
	perCrash      = 100                  // and the relay crashes
)

// show is the demo: what there is in it, and what has happened.
type show struct {
	relay  *nostrtest.Relay
	bank   *vault
	wallet nostr.SecretKey
	args   []string // of the wallet's process
	ledger string
	stderr io.Writer
	say    func(who, format string, args ...any)

	requests       int // that are sent
	kills, crashes int // so far
}

// demo kills the wallet and the relay while requests come, and counts in the end.
func demo(ctx context.Context, opts options, stdout, stderr io.Writer, say func(who, format string, args ...any)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, opts.limit, fmt.Errorf("the demo took longer than %v", opts.limit))
	defer cancel()
	say("demo", "%d requests of %d customers; -seed %d", opts.requests, demoCustomers, opts.seed)
	relay, err := nostrtest.StartRelay(nostrtest.WalletRelay()) // it keeps requests while the wallet is dead
	if err != nil {
		return err
	}
	defer relay.Close()
	bank, err := openVault(opts.seed)
	if err != nil {
		return err
	}
	defer bank.close()
	dir, err := os.MkdirTemp("", "wallet")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	s := &show{
		relay: relay, bank: bank, wallet: nostr.GenerateSecretKey(), ledger: filepath.Join(dir, "ledger"),
		stderr: stderr, say: say, requests: opts.requests,
	}
	keyFile := filepath.Join(dir, "key")
	if err := os.WriteFile(keyFile, []byte(s.wallet.Hex()), 0o600); err != nil {
		return err
	}
	s.args = []string{"-relay", relay.URL(), "-key", keyFile, "-ledger", s.ledger, "-bank", bank.url}
	customers := make([]nostr.SecretKey, demoCustomers)
	for i := range customers {
		customers[i] = nostr.GenerateSecretKey()
		s.args = append(s.args, "-customer", customers[i].PubKey().String())
	}
	err = s.play(ctx, customers, rand.New(rand.NewPCG(opts.seed, 0)), rand.New(rand.NewPCG(opts.seed, 1))) //nolint:gosec // no secrets
	return errors.Join(err, s.count(stdout))
}

// play is the show: three things at once.
func (s *show) play(ctx context.Context, customers []nostr.SecretKey, forKills, forCrashes *rand.Rand) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var running sync.WaitGroup
	for _, part := range []func() error{
		func() error { return s.send(ctx, customers) },
		func() error { return s.killWallets(ctx, forKills) },
		func() error { return s.crashRelay(ctx, forCrashes) },
	} {
		running.Go(func() {
			if err := part(); err != nil {
				fail(err)
			}
		})
	}
	running.Wait()
	return context.Cause(ctx)
}

// send has the customers ask for payments, whoever is alive.
func (s *show) send(ctx context.Context, customers []nostr.SecretKey) error {
	tick := time.NewTicker(demoEvery)
	defer tick.Stop()
	ciphers := make([]nostr.Cipher, len(customers))
	for i, key := range customers {
		ciphers[i] = nip44.Cipher(key)
	}
	for n := range s.requests {
		key := customers[n%len(customers)]
		request, err := writeRequest(ctx, key, ciphers[n%len(customers)], s.wallet.PubKey(), fmt.Sprintf("invoice %d", n+1))
		if err != nil {
			return err
		}
		s.relay.Publish(request)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// killWallets runs one wallet after another, and lets the last one live until all is
// done.
func (s *show) killWallets(ctx context.Context, chance *rand.Rand) error {
	for s.kills < s.requests/perKill {
		child, err := s.start(ctx)
		if err != nil {
			return err
		}
		moment := s.bank.after(1 + chance.IntN(perKill-5))
		if s.kills%4 == 3 {
			moment = time.After(time.Duration(chance.IntN(100)) * time.Millisecond) // it may not have come up
		}
		err = child.lives(ctx, moment)
		if err == nil {
			err = child.lives(ctx, time.After(time.Duration(chance.IntN(15_000))*time.Microsecond))
		}
		child.kill()
		if err != nil {
			return err
		}
		s.kills++
		books, err := openLedger(s.ledger)
		if err != nil {
			return err
		}
		s.bank.forget(books.Done)
		s.say("demo", "wallet killed (%d): %d paid, %d of them written down", s.kills, s.bank.payments(), len(books.Done))
	}
	child, err := s.start(ctx)
	if err != nil {
		return err
	}
	defer child.kill()
	answered := make(chan time.Time)
	var waiting sync.WaitGroup
	defer waiting.Wait()
	waiting.Go(func() {
		if _, err := s.relay.WaitEvents(ctx, s.requests, s.answers()); err == nil {
			close(answered)
		}
	})
	if err := child.lives(ctx, answered); err != nil {
		return err
	}
	return child.interrupt(ctx)
}

// crashRelay has the relay go, and come back.
func (s *show) crashRelay(ctx context.Context, chance *rand.Rand) error {
	for s.crashes < max(1, s.requests/perCrash) {
		for _, moment := range []func() <-chan time.Time{
			func() <-chan time.Time { return s.bank.after(1 + chance.IntN(min(perCrash, s.requests)-10)) },
			func() <-chan time.Time {
				s.relay.Stop()
				return time.After(time.Duration(chance.IntN(300)) * time.Millisecond)
			},
		} {
			select {
			case <-moment():
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		if err := s.relay.Restart(); err != nil {
			return err
		}
		s.crashes++
		s.say("demo", "relay crashed and back (%d)", s.crashes)
	}
	return nil
}

func (s *show) answers() nostr.Filter {
	return nostr.Filter{}.WithKinds(nostr.KindNWCWalletResponse).WithAuthors(s.wallet.PubKey())
}

// count tells what has become of the requests, and fails if that is not what was promised.
func (s *show) count(stdout io.Writer) error {
	answers := s.relay.Events(s.answers())
	answered := make(map[string]bool)
	for _, e := range answers {
		answered[e.Tags.Find("e")[1]] = true
	}
	once, twice, again := s.bank.count()
	_, err := fmt.Fprintf(stdout, "%d requests: %d paid, %d paid twice, %d answered; the wallet was killed %d times, %d payments had not been written down then; the relay crashed %d times\n",
		s.requests, once+twice, twice, len(answered), s.kills, again, s.crashes)
	if once != s.requests || twice != 0 || len(answered) != s.requests || len(answers) != s.requests {
		return errors.Join(err, errors.New("not every request was paid and answered exactly once"))
	}
	return err
}

// process is a wallet that runs.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has
	err   error         // why, once it has
}

// start runs this program, as a wallet.
func (s *show) start(ctx context.Context) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.CommandContext(ctx, self, s.args...), ended: make(chan struct{})} //nolint:gosec // ourselves
	p.cmd.Stderr = s.stderr
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with the process, for which kill waits
		defer close(p.ended)
		p.err = p.cmd.Wait()
	}()
	return p, nil
}

// lives returns at that moment, unless something is wrong before.
func (p *process) lives(ctx context.Context, until <-chan time.Time) error {
	select {
	case <-until:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-p.ended:
		return fmt.Errorf("the wallet has ended by itself: %w", errors.Join(p.err, context.Cause(ctx)))
	}
}

// kill is SIGKILL, or what the system has like that.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

// interrupt is Ctrl-C.
func (p *process) interrupt(ctx context.Context) error {
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		return nil // a system that has no such signal: kill will do
	}
	select {
	case <-p.ended:
		return p.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
