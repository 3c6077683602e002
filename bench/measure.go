package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// libraries are the clients of most scenarios. They are measured in alternating order,
// so that what the machine does beside us hits both.
var libraries = []string{"go-nostr", "gennostr"}

func measure(ctx context.Context, s scenario, events, rounds, procs int) error {
	switch s.run {
	case "signatures":
		return measureSignatures(6*rounds + 1) // they are short
	case "latency":
		return measureLatency(ctx, s, rounds, procs)
	case "many":
		return measureMany(ctx, s, rounds, procs)
	case "crowd":
		return measureCrowd(ctx, s, rounds, procs)
	}
	if s.clients == nil {
		s.clients = libraries
	}
	addr, stop, err := s.serve(ctx)
	if err != nil {
		return err
	}
	defer stop()
	job := clientJob{Run: s.run, Events: s.corpus.genuine(), Procs: procs}
	if s.run == "publish" {
		job.Events, job.Each = published(events), 1
		if s.name == "publish64" {
			job.Each = 64
		}
	}
	for i := range s.relays {
		path := map[string]string{"stream": fmt.Sprintf("/%d", i), "idle": fmt.Sprintf("/idle/%d", i), "lone": "/lone", "fetchone": "/one", "publish": "/publish"}[s.run]
		job.URLs = append(job.URLs, "ws://"+addr+path)
	}
	results, err := inTurns(ctx, s, job, rounds)
	switch {
	case err != nil:
		return err
	case s.name == "floor":
		reportFloor(s, results)
	default:
		report(s, results)
	}
	return nil
}

// inTurns runs the clients of a scenario, each in a process of its own; who begins changes
// from round to round.
func inTurns(ctx context.Context, s scenario, job clientJob, rounds int) (map[string][]result, error) {
	results := make(map[string][]result)
	for round := range rounds {
		for i := range s.clients {
			role := s.clients[(i+round)%len(s.clients)]
			r, err := runClient(ctx, role, job)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", role, err)
			}
			results[role] = append(results[role], r)
		}
	}
	return results, nil
}

// startChild starts the process of relays and waits until it listens: line says where.
func startChild(ctx context.Context, role string, does any) (line string, stop func(), err error) {
	job, err := json.Marshal(does)
	if err != nil {
		return "", nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, self, "-role", role, "-job", string(job))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	line, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return "", nil, fmt.Errorf("%s: %w", role, err)
	}
	return strings.TrimSpace(line), stop, nil
}

func runClient(ctx context.Context, library string, j clientJob) (r result, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	job, err := json.Marshal(j)
	if err != nil {
		return r, err
	}
	self, err := os.Executable()
	if err != nil {
		return r, err
	}
	cmd := exec.CommandContext(ctx, self, "-role", library, "-job", string(job))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil {
		return r, err
	}
	return r, json.Unmarshal(out.Bytes(), &r)
}

// figure is a row of the table.
type figure struct {
	name  string
	of    func(result) float64
	print func(float64) string
}

func figures(run string) []figure {
	peak := figure{"peak memory", func(r result) float64 { return float64(r.Peak) }, mib}
	switch run {
	case "lone":
		return []figure{
			{"latency p50", func(r result) float64 { return float64(r.P50) }, micros},
			{"latency p99", func(r result) float64 { return float64(r.P99) }, micros},
			peak,
		}
	case "idle":
		return []figure{goroutinesPerRelay, bytesPerRelay, peak}
	case "crowd":
		return []figure{
			{"connected to all", func(r result) float64 { return float64(r.Connected) }, millis},
			{"subscribed on all", func(r result) float64 { return float64(r.Subscribed) }, millis},
			goroutinesPerRelay, bytesPerRelay,
			{"after restart, live on all", func(r result) float64 { return float64(r.Back.Live) }, millis},
			{"  dials", func(r result) float64 { return float64(r.Back.Dials) }, whole},
			{"  most of them in 100 ms", func(r result) float64 { return float64(r.Back.Most) }, whole},
			{"  dials while down", func(r result) float64 { return float64(r.Back.Lost) }, whole},
			{"  most of them in 100 ms", func(r result) float64 { return float64(r.Back.MostLost) }, whole},
			peak,
		}
	}
	per := func(f func(result) float64) func(result) float64 {
		return func(r result) float64 { return f(r) / float64(r.Events) }
	}
	if run == "publish" {
		return []figure{
			{"CPU per publication", per(func(r result) float64 { return float64(r.CPU) }), micros},
			{"from Publish to verdict p50", func(r result) float64 { return float64(r.P50) }, micros},
			{"from Publish to verdict p99", func(r result) float64 { return float64(r.P99) }, micros},
			{"allocations per publication", per(func(r result) float64 { return float64(r.Allocs) }), func(v float64) string { return fmt.Sprintf("%.1f", v) }},
			{"CPU of the relay", per(func(r result) float64 { return float64(r.RelayCPU) }), micros},
			peak,
		}
	}
	if run == "fetchone" {
		return []figure{
			{"from call to event p50", func(r result) float64 { return float64(r.P50) }, micros},
			{"from call to event p99", func(r result) float64 { return float64(r.P99) }, micros},
			{"CPU per event", per(func(r result) float64 { return float64(r.CPU) }), micros},
			{"allocations per event", per(func(r result) float64 { return float64(r.Allocs) }), func(v float64) string { return fmt.Sprintf("%.1f", v) }},
			peak,
		}
	}
	return []figure{
		{"wall", func(r result) float64 { return float64(r.Wall) }, millis},
		{"events per second", func(r result) float64 { return float64(r.Events) / r.Wall.Seconds() }, func(v float64) string { return fmt.Sprintf("%.0f", v) }},
		{"CPU per event", per(func(r result) float64 { return float64(r.CPU) }), micros},
		{"allocations per event", per(func(r result) float64 { return float64(r.Allocs) }), func(v float64) string { return fmt.Sprintf("%.1f", v) }},
		peak,
	}
}

var (
	goroutinesPerRelay = figure{"goroutines per relay", func(r result) float64 { return r.Goroutines }, func(v float64) string { return fmt.Sprintf("%.2f", v) }}
	bytesPerRelay      = figure{"heap and stack per relay", func(r result) float64 { return r.Idle }, func(v float64) string { return fmt.Sprintf("%.1f KB", v/1000) }}
)

func whole(v float64) string { return fmt.Sprintf("%.0f", v) }

func millis(v float64) string { return time.Duration(v).Round(time.Millisecond).String() }

func micros(v float64) string { return fmt.Sprintf("%.1f µs", v/1000) }

func mib(v float64) string { return fmt.Sprintf("%.1f MiB", v/(1<<20)) }

// report prints the medians and what each client's is of the first one's.
func report(s scenario, results map[string][]result) {
	fmt.Printf("%s\n\n| %-27s | %16s |", s.what, s.name, s.clients[0])
	for _, role := range s.clients[1:] {
		fmt.Printf(" %16s | %8s |", role, "ratio")
	}
	fmt.Printf("\n|---|---:|%s\n", strings.Repeat("---:|", 2*len(s.clients)-2))
	for _, f := range figures(s.run) {
		first := median(results[s.clients[0]], f.of)
		fmt.Printf("| %-27s | %16s |", f.name, f.print(first))
		for _, role := range s.clients[1:] {
			its := median(results[role], f.of)
			fmt.Printf(" %16s | %8s |", f.print(its), ratio(its, first))
		}
		fmt.Println()
	}
	fmt.Println()
}

// ratio is how many times another a figure is; "-" where there is none.
func ratio(of, other float64) string {
	switch {
	case of <= 0 || other <= 0:
		return "-"
	case of > other:
		return fmt.Sprintf("%.1f", of/other)
	}
	return fmt.Sprintf("%.3f", of/other)
}

func median(list []result, of func(result) float64) float64 {
	values := make([]float64, 0, len(list))
	for _, r := range list {
		values = append(values, of(r))
	}
	slices.SortFunc(values, cmp.Compare[float64])
	return values[len(values)/2]
}

// serve writes the scenario's events and starts the relay's process, which replays
// them; stop ends it and takes the events away.
func (s scenario) serve(ctx context.Context) (addr string, stop func(), err error) {
	dir, err := os.MkdirTemp("", "gennostr-bench")
	if err != nil {
		return "", nil, err
	}
	corpus := filepath.Join(dir, "corpus")
	end := func() {}
	if err = s.corpus.write(corpus); err == nil {
		addr, end, err = startChild(ctx, "replay", replayJob{Corpus: corpus})
	}
	if err != nil {
		os.RemoveAll(dir)
		return "", nil, err
	}
	return addr, func() { end(); os.RemoveAll(dir) }, nil
}
