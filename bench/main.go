// Command bench measures gennostr beside go-nostr on this machine: the same
// events from the same relay over loopback, each client in a process of its
// own, the relay in a third, in alternating rounds. It prints medians and
// ratios. Three scenarios are about gennostr alone: how long a good relay's events
// take beside one that floods, and in a program that is busy ("beside", "busy"), and
// what an event costs where many subscriptions are open on one relay ("many"). "crowd" is
// 2,000 relays by itself, and some of them, once and for gennostr alone, where everything is run.
//
//	cd bench && go run .            # everything, some minutes
//	cd bench && go run . -only idle # one scenario; -list names them
//
// With -tags libsecp256k1 and a C compiler, go-nostr verifies with that library
// instead of btcec.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"time"
)

// scenario is one kind of work for the clients.
type scenario struct {
	name, what string
	corpus     corpusSpec
	relays     int
	run        string // what the client does: "stream", "idle", "lone", "latency", "many", "fetchone", "publish" or "crowd"; "signatures" has none
	rounds     int    // divides -rounds: for those that take long

	situations []situation   // of latency
	gap        time.Duration // between its bursts

	clients []string // by their roles; nil: libraries
}

func scenarios(events int) []scenario {
	few := min(events, 900)
	return []scenario{
		{"authors200", fmt.Sprintf("%d events of 200 authors, one relay", events), corpusSpec{events, 200, 0}, 1, "stream", 1, nil, 0, nil},
		{"floor", fmt.Sprintf("%d events of 200 authors, one relay: what each costs at least", events), corpusSpec{events, 200, 0}, 1, "stream", 1, nil, 0, []string{"floor", "gennostr"}},
		{"distinct", fmt.Sprintf("%d events, all authors distinct, one relay", events), corpusSpec{events, events, 0}, 1, "stream", 1, nil, 0, nil},
		{"five", fmt.Sprintf("the same %d events from five relays", events), corpusSpec{events, 200, 0}, 5, "stream", 1, nil, 0, nil},
		{"forged", fmt.Sprintf("%d events, every 50th signature wrong", events), corpusSpec{events, 200, 50}, 1, "stream", 1, nil, 0, nil},
		{"subscribe", fmt.Sprintf("%d events of 200 authors, one relay, subscribed to", events), corpusSpec{events, 200, 0}, 1, "stream", 1, nil, 0, subscribers},
		{"subscribe5", fmt.Sprintf("the same %d events from five relays, subscribed to: each once", events), corpusSpec{events, 200, 0}, 5, "stream", 1, nil, 0, subscribers},
		{"query", fmt.Sprintf("%d stored events of 200 authors, one relay, fetched", max(1, events/2)), corpusSpec{max(1, events/2), 200, 0}, 1, "stream", 1, nil, 0, queriers},
		{"query3", fmt.Sprintf("the same %d events from three relays, fetched: each once", max(1, events/2)), corpusSpec{max(1, events/2), 200, 0}, 3, "stream", 1, nil, 0, queriers},
		{"fetchone", fmt.Sprintf("%d stored events, fetched one after the other by their ids", max(1, events/10)), corpusSpec{max(1, events/10), 200, 0}, 1, "fetchone", 1, nil, 0, nil},
		{"publish", fmt.Sprintf("%d events published one after the other, to one relay that takes all", published(events)), corpusSpec{1, 1, 0}, 1, "publish", 1, nil, 0, publishers},
		{"publish64", "the same by 64 callers side by side", corpusSpec{1, 1, 0}, 1, "publish", 1, nil, 0, publishers},
		{"lone", "a lone event every few milliseconds", corpusSpec{500, 500, 0}, 1, "lone", 1, nil, 0, nil},
		{"signatures", "verification alone", corpusSpec{}, 0, "signatures", 1, nil, 0, nil},
		{"idle", "1,000 idle relays", corpusSpec{1, 1, 0}, 1000, "idle", 2, nil, 0, nil},
		{"beside", "three events every 10 ms, beside a relay that floods", corpusSpec{few, few, 0}, 2, "latency", 1, besideHostile, 10 * time.Millisecond, nil},
		{"many", fmt.Sprintf("%d events, live, of one relay", max(1, events/10)), corpusSpec{max(1, events/10), crowdAuthors, 0}, 1, "many", 1, nil, 0, nil},
		{"busy", "three events every 50 ms, with a goroutine on every processor that never waits", corpusSpec{few / 4, few / 4, 0}, 1, "latency", 1, besideBusy, 50 * time.Millisecond, nil},
		crowdOf(crowdFew, math.MaxInt, []string{"gennostr"}),
	}
}

// crowdOf is the scenario with so many relays, once in so many rounds.
func crowdOf(relays, rounds int, clients []string) scenario {
	return scenario{"crowd", fmt.Sprintf("%d relays with a subscription, idle, killed, restarted", relays), corpusSpec{}, relays, "crowd", rounds, nil, 0, clients}
}

// published is how many of the events of a stream are published, each by itself.
func published(events int) int { return max(1, events/2) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	role := flag.String("role", "", "for the child processes: replay, or a client")
	job := flag.String("job", "", "for the child processes: what to do, as JSON")
	events := flag.Int("events", 20_000, "events of a stream")
	rounds := flag.Int("rounds", 5, "rounds of each scenario")
	only := flag.String("only", "", "run only this scenario")
	list := flag.Bool("list", false, "list the scenarios")
	relays := flag.Int("relays", crowdRelays, "relays of -only crowd")
	procs := flag.Int("procs", 0, "GOMAXPROCS of the clients (default: all cores)")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	if *role != "" {
		return child(ctx, *role, *job)
	}
	all := scenarios(*events)
	if *list {
		for _, s := range all {
			fmt.Printf("%-12s %s\n", s.name, s.what)
		}
		return nil
	}
	if *only != "" {
		all = slices.DeleteFunc(all, func(s scenario) bool { return s.name != *only })
		if len(all) == 0 {
			return fmt.Errorf("no scenario %q; see -list", *only)
		}
		if *only == "crowd" {
			all = []scenario{crowdOf(max(1, *relays), 1, libraries)}
		}
	}
	used := "all"
	if *procs > 0 {
		used = fmt.Sprint(*procs)
	}
	fmt.Printf("%s, %s/%s, %d cores, GOMAXPROCS of the clients %s; go-nostr %s, which verifies with %s; medians of %d rounds\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), used, version("github.com/nbd-wtf/go-nostr"), theirVerifier, *rounds)
	for _, s := range all {
		if err := measure(ctx, s, *events, max(1, *rounds/s.rounds), *procs); err != nil {
			if errors.Is(err, context.Canceled) {
				return nil
			}
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// version is that of a module in this program.
func version(module string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == module {
				return dep.Version
			}
		}
	}
	return "?"
}
