package wire

import (
	"encoding/hex"
	"errors"
	"strconv"

	"github.com/gennostr/gennostr/internal/strictjson"
)

const hllRegisters = 256

var errHLL = errors.New("want " + strconv.Itoa(2*hllRegisters) + " hexadecimal digits")

func (p *parser) count() (m Count, err error) {
	if m.SubscriptionID, err = p.subscriptionID(); err != nil {
		return m, err
	}
	if err := p.element("result"); err != nil {
		return m, err
	}
	if err := p.countResult(&m); err != nil {
		return m, err
	}
	return m, p.rest()
}

// countResult reads {"count":n,"approximate":bool,"hll":hex}; keys beside them are ignored.
// The count is what was asked for. What is wrong with the other two costs only them: the
// registers are left out, and a count that may be approximate is taken for one that is.
func (p *parser) countResult(m *Count) error {
	start := p.s.Pos()
	if err := p.s.Object(); err != nil {
		return p.syntax("result", err)
	}
	seen := map[string]bool{}
	var buf [16]byte
	for n := 0; ; n++ {
		key, more, err := p.s.NextKey(n, buf[:])
		if err != nil {
			return p.syntax("result", err)
		}
		if !more {
			break
		}
		p.s.SkipSpace()
		at := p.s.Pos()
		name := string(key)
		switch name {
		case "count":
			err = p.countValue(m, seen[name], at)
		case "approximate":
			err = p.approximate(m, seen[name], at)
		case "hll":
			err = p.hll(m, seen[name], at)
		default:
			if err := p.s.Skip(); err != nil {
				return p.syntax("result", err)
			}
			continue // a stranger's keys are not worth remembering
		}
		if err != nil {
			return err
		}
		seen[name] = true
	}
	if !seen["count"] {
		return p.fail("result.count", start, errMissing)
	}
	return nil
}

func (p *parser) countValue(m *Count, again bool, at int) error {
	const field = "result.count"
	if again {
		return p.fail(field, at, errRepeated)
	}
	ahead := p.s
	n, problem, err := p.number(field)
	if err != nil {
		return err
	}
	if problem != nil {
		p.s = ahead
		return p.syntax(field, problem)
	}
	m.Count = n
	return nil
}

func (p *parser) approximate(m *Count, again bool, at int) error {
	const field = "result.approximate"
	ahead := p.s
	approximate, problem := ahead.Bool()
	if err := p.s.Skip(); err != nil {
		return p.syntax(field, err)
	}
	if again {
		problem = errRepeated
	}
	switch {
	case problem == nil:
		m.Approximate = approximate
	case isNull(p.s.Since(at)) && !again:
	default:
		m.Approximate = true
		p.leave(field, at, problem)
	}
	return nil
}

func (p *parser) hll(m *Count, again bool, at int) error {
	const field = "result.hll"
	ahead := p.s
	digits, problem := ahead.String(nil)
	if err := p.s.Skip(); err != nil {
		return p.syntax(field, err)
	}
	switch {
	case again:
		m.HLL, problem = nil, errRepeated // which of the two counts is anybody's guess
	case problem != nil:
		if isNull(p.s.Since(at)) {
			return nil
		}
	case len(digits) != 2*hllRegisters:
		problem = errHLL
	default:
		registers := make([]byte, hllRegisters)
		if _, err := hex.Decode(registers, digits); err != nil {
			problem = errNotHex
			break
		}
		m.HLL = registers
	}
	if problem != nil {
		p.leave(field, at, problem)
	}
	return nil
}

// isNull reports whether a checked value is null: said to be missing, which is no fault.
func isNull(value []byte) bool {
	s := strictjson.New(value)
	return s.Null() == nil
}
