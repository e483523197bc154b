//go:build tools

// Package router names the program that is built with this folder's go.mod.
package router

import _ "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"
