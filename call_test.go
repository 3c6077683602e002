package gennostr_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
)

// echo replies to a Call with its request, and fails it with one that is an error.
func echo(_ *gennostr.Self, n note) error {
	call, ok := n.Msg.(asked)
	if !ok {
		return nil
	}
	if err, ok := call.Request.(error); ok {
		return call.From.Fail(err)
	}
	return call.From.Reply(call.Request)
}

func TestTypedCallNamesBothTypesWhenTheyDiffer(t *testing.T) {
	client := start(t, newBot(echo))
	number, err := gennostr.Call[int](t.Context(), client, "text")
	assert.EqualError(t, err, "gennostr: call: reply is a string, want a int")
	assert.Zero(t, number)

	_, err = gennostr.Call[fmt.Stringer](t.Context(), client, 7)
	assert.EqualError(t, err, "gennostr: call: reply is a int, want a fmt.Stringer")
	stringer, err := gennostr.Call[fmt.Stringer](t.Context(), client, new(strings.Builder))
	require.NoError(t, err)
	assert.NotNil(t, stringer)

	number, err = gennostr.Call[int](t.Context(), client, nil)
	require.NoError(t, err, "nil is the zero value")
	assert.Zero(t, number)

	broken := errors.New("broken")
	_, err = gennostr.Call[int](t.Context(), client, broken)
	assert.Equal(t, broken, err)
}

func TestCallThatHasGivenUpLeavesTheMailboxInOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		client := start(t, newBot(sleeper), gennostr.WithMailboxLimit(2))
		for range 2 {
			go func() { _, _ = client.Call(t.Context(), time.Minute) }()
			synctest.Wait()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := client.Call(ctx, time.Duration(0))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = client.Call(t.Context(), time.Duration(0))
		require.Equal(t, gennostr.ErrMailboxFull, err, "a request is not taken back: it will be handled")
		time.Sleep(3 * time.Minute)
		for range 10 {
			_, err = client.Call(t.Context(), time.Duration(0))
			require.NoError(t, err, "and then there is room for good")
		}
	})
}

func TestFromOfNobodyAnswersNobody(t *testing.T) {
	assert.Equal(t, gennostr.ErrAlreadyReplied, gennostr.From{}.Reply(1))
	assert.Equal(t, gennostr.ErrAlreadyReplied, gennostr.From{}.Fail(errors.New("broken")))
}

func TestStatsTellTheBytesThatWait(t *testing.T) {
	client := start(t, newBot(nil))
	assert.Zero(t, client.Stats().MailboxBytes)
}
