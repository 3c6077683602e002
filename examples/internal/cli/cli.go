// Package cli is what the examples share because it must not be got wrong: what
// strangers write does nothing to a terminal, secret keys are neither repeated nor
// published, and a program that is told to end ends. Whoever copies an example takes this
// folder along. Which flags a program has, how it reports, and how it shows itself, each has
// for itself, though these look alike: they are what one changes first.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"github.com/gennostr/gennostr/nostr"
)

// Main is the main function of a program. The ctx of run ends with Ctrl-C or SIGTERM: the
// program ends in good order. After a second one it does not wait for anything. What fails
// is told on standard error, as Failure has it, and makes the exit status 1.
func Main(name string, run func(ctx context.Context, args []string, stdout, stderr io.Writer) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // from now on a signal kills, as it does everybody
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %s\n", name, Failure(err))
		os.Exit(1)
	}
}

// Parse reads the command line. With -h it writes what the program is and which flags it
// takes, and returns flag.ErrHelp. Package flag by itself writes what it does not understand as it
// is; here that is in the error, for Failure, and written nowhere.
func Parse(flags *flag.FlagSet, args []string, intro string, usage io.Writer) error {
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(usage, intro)
		flags.SetOutput(usage)
		flags.PrintDefaults()
	case err != nil:
		err = fmt.Errorf("%w; see -h", err)
	}
	return err
}

// Safe makes a stranger's text fit for one line of a terminal: at most limit
// characters; runs of white space, line ends among them, are one space; what a
// terminal might obey (C0, DEL and C1 controls, and the controls that turn the
// direction of writing) is spelled out, as \x1b or \u202e.
func Safe(text string, limit int) string {
	var b strings.Builder
	n, gap := 0, false
	for _, r := range text {
		if unicode.IsSpace(r) {
			gap = n > 0
			continue
		}
		if n++; n > limit {
			b.WriteString(" …")
			break
		}
		if gap {
			b.WriteByte(' ')
			gap = false
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		} else {
			b.WriteRune(r) // bytes that are not UTF-8 have become U+FFFD
		}
	}
	return b.String()
}

// MaxLine bounds a line on standard error, in characters.
const MaxLine = 500

// aKey is a secret key in a text, or what begins like one.
var aKey = regexp.MustCompile(`(?i)nsec1[0-9a-z]*`)

// Failure is how a program says at its end what has failed: fit for a terminal, and
// without a secret key, for package flag repeats what it does not understand.
func Failure(err error) string {
	return aKey.ReplaceAllString(Safe(err.Error(), MaxLine), "nsec1…")
}

// HasSecretKey tells whether somebody's secret key, as an nsec, is in one of the texts.
func HasSecretKey(texts ...string) bool {
	for _, text := range texts {
		for _, word := range aKey.FindAllString(text, -1) {
			if _, err := nostr.ParseSecretKey(word); err == nil {
				return true
			}
		}
	}
	return false
}

// SecretKey reads a flag: a secret key, an nsec or 64 hex digits, or a file that holds
// one. Its error repeats neither: the name may be a key with a slip in it.
func SecretKey(arg string) (nostr.SecretKey, error) {
	key, err := nostr.ParseSecretKey(arg)
	if err == nil {
		return key, nil
	}
	data, ferr := ReadFile(arg, maxKeyFile)
	if ferr != nil {
		return key, fmt.Errorf("%w; nor is it a file: %w", err, ferr)
	}
	return inFile(data)
}

// SecretKeyFile is SecretKey for flags that take a file only.
func SecretKeyFile(name string) (nostr.SecretKey, error) {
	data, err := ReadFile(name, maxKeyFile)
	if err != nil {
		return nostr.SecretKey{}, fmt.Errorf("want the name of a file that holds a secret key: %w", err)
	}
	return inFile(data)
}

// maxKeyFile bounds what is read of a file with one key, in bytes.
const maxKeyFile = 4096

func inFile(data []byte) (nostr.SecretKey, error) {
	key, err := nostr.ParseSecretKey(strings.TrimSpace(string(data)))
	if err != nil {
		return key, fmt.Errorf("in that file: %w", err)
	}
	return key, nil
}

// ReadFile reads a file of at most so many bytes. Its error does not repeat the name.
func ReadFile(name string, most int) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, nameless(err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, int64(most)+1))
	if err != nil {
		return nil, nameless(err)
	}
	if len(data) > most {
		return nil, fmt.Errorf("more than %d bytes", most)
	}
	return data, nil
}

func nameless(err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return path.Err
	}
	return err
}
