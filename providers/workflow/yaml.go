package workflow

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

// checkYAML wants one document that is a mapping without doubled keys. Its
// error quotes the line.
func checkYAML(content string) error {
	d := yaml.NewDecoder(strings.NewReader(content))
	var doc any
	err := d.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF), err == nil && doc == nil:
		return errors.New("it is empty")
	case err != nil:
		return atLine(content, first(err))
	}
	if _, ok := doc.(map[string]any); !ok {
		return errors.New("it is no mapping from words to values, as a workflow must be")
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return errors.New("it holds more than one document")
	}
	return nil
}

// first is the text of the first error in err.
func first(err error) string {
	var all *yaml.TypeError
	if errors.As(err, &all) {
		return all.Errors[0]
	}
	return strings.TrimPrefix(err.Error(), "yaml: ")
}

// atLine finds the line at which the parser gave up: the last one of the
// shortest beginning that it refuses in the same words. The line that it names
// itself, if any, can be that at which the innermost mapping began, or the one
// before.
func atLine(content, text string) error {
	lines := strings.SplitAfter(content, "\n")
	n := sort.Search(len(lines)-1, func(i int) bool {
		err := yaml.Unmarshal([]byte(strings.Join(lines[:i+1], "")), new(any))
		return err != nil && first(err) == text
	})
	text = regexp.MustCompile(`^line \d+: `).ReplaceAllString(text, "")
	return fmt.Errorf("%s (rendered line %d is %q)", text, n+1, strings.TrimSpace(lines[n]))
}
