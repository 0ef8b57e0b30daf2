// Command trim cuts GitHub's OpenAPI description down to the operations named
// in operations.txt and what they refer to:
//
//	npm pack @octokit/openapi@23.0.2 && tar xzf octokit-openapi-23.0.2.tgz
//	go run ./providers/testbed/openapi/trim package/generated/api.github.com.json \
//	  providers/testbed/openapi/operations.txt > providers/testbed/openapi/github.json
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: trim DESCRIPTION OPERATIONS")
		os.Exit(2)
	}
	if err := trim(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "trim:", err)
		os.Exit(1)
	}
}

type object = map[string]any

func trim(description, operations string) error {
	data, err := os.ReadFile(description)
	if err != nil {
		return err
	}
	var doc object
	if err := json.Unmarshal(data, &doc); err != nil {
		return err
	}
	list, err := os.ReadFile(operations)
	if err != nil {
		return err
	}
	wanted := strings.Fields(string(list))
	paths := object{}
	var found []string
	for path, item := range doc["paths"].(object) {
		kept := object{}
		for method, v := range item.(object) {
			op, ok := v.(object)
			if id, _ := op["operationId"].(string); ok && slices.Contains(wanted, id) {
				found = append(found, id)
				kept[method] = strip(op)
			}
		}
		if len(kept) > 0 {
			paths[path] = kept
		}
	}
	for _, id := range wanted {
		if !slices.Contains(found, id) {
			return fmt.Errorf("there is no operation %s", id)
		}
	}
	out := object{"openapi": doc["openapi"], "info": object{"title": "GitHub's REST API, in part", "version": "1", "license": object{"name": "MIT"}}, "paths": paths, "components": object{}}
	if err := close(doc, out, paths); err != nil {
		return err
	}
	text, err := json.Marshal(out)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(append(text, '\n'))
	return err
}

// strip leaves out what no validation looks at.
func strip(v any) any {
	switch v := v.(type) {
	case object:
		kept := object{}
		for k, e := range v {
			_, words := e.(string)
			if (k == "description" || k == "summary") && words {
				e = "-"
			}
			if k != "examples" && k != "x-github" && k != "externalDocs" && k != "example" && k != "x-octokit" {
				kept[k] = strip(e)
			}
		}
		return kept
	case []any:
		for i := range v {
			v[i] = strip(v[i])
		}
	}
	return v
}

// close copies what v refers to, and what that refers to, into out.
func close(doc, out object, v any) error {
	switch v := v.(type) {
	case object:
		if ref, ok := v["$ref"].(string); ok {
			parts := strings.Split(strings.TrimPrefix(ref, "#/components/"), "/")
			if len(parts) != 2 {
				return fmt.Errorf("a reference to %s", ref)
			}
			components := out["components"].(object)
			if components[parts[0]] == nil {
				components[parts[0]] = object{}
			}
			kind := components[parts[0]].(object)
			if kind[parts[1]] != nil {
				return nil
			}
			target, ok := doc["components"].(object)[parts[0]].(object)[parts[1]]
			if !ok {
				return fmt.Errorf("%s is not there", ref)
			}
			kind[parts[1]] = strip(target)
			return close(doc, out, kind[parts[1]])
		}
		for _, e := range v {
			if err := close(doc, out, e); err != nil {
				return err
			}
		}
	case []any:
		for _, e := range v {
			if err := close(doc, out, e); err != nil {
				return err
			}
		}
	}
	return nil
}
