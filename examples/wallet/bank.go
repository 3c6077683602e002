package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gennostr/gennostr/nostr"
)

// bank pays the invoice of a request and gives the preimage. Asked again for the same
// request it says the same, and pays nothing. Its errors are a *failure, which is
// final, or the end of ctx: then it is not known what has become of the payment.
type bank func(ctx context.Context, request *nostr.Event, invoice string) (preimage string, err error)

// noMoney is for trying the wallet out.
func noMoney(context.Context, *nostr.Event, string) (string, error) { return "no money has moved", nil }

const (
	patience   = 30 * time.Second // for one answer of the bank's
	pause      = time.Second      // before it is asked again
	longAnswer = 1 << 10          // bytes that are read of one
)

// postTo is a bank behind a URL.
func postTo(url string, transport http.RoundTripper) bank {
	client := &http.Client{Transport: transport, Timeout: patience}
	return func(ctx context.Context, request *nostr.Event, invoice string) (string, error) {
		for {
			status, text, err := post(ctx, client, url, request, invoice)
			switch {
			case err == nil && status == http.StatusOK:
				return text, nil
			case err == nil && status/100 == 4 && status != http.StatusRequestTimeout && status != http.StatusTooManyRequests:
				return "", &failure{"PAYMENT_FAILED", text}
			}
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}
	}
}

func post(ctx context.Context, client *http.Client, url string, request *nostr.Event, invoice string) (status int, text string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(invoice))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Idempotency-Key", request.ID.String())
	if at, ok := request.Expiration(); ok { // the bank's to judge, which knows whether it has been paid already
		r.Header.Set("Not-After", strconv.FormatInt(int64(at), 10))
	}
	answer, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, longAnswer))
	if err != nil {
		return 0, "", fmt.Errorf("the bank's answer: %w", err)
	}
	return answer.StatusCode, strings.TrimSpace(string(data)), nil
}
