//go:build debian

// The same for Debian's grpc-go, which knows reflection as v1alpha only: its messages are those of v1.
package main

import (
	"context"

	"google.golang.org/grpc"
	reflectionalpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
)

type (
	reflectionRequest    = reflectionalpha.ServerReflectionRequest
	reflectionResponse   = reflectionalpha.ServerReflectionResponse
	listServices         = reflectionalpha.ServerReflectionRequest_ListServices
	fileContainingSymbol = reflectionalpha.ServerReflectionRequest_FileContainingSymbol
	fileByFilename       = reflectionalpha.ServerReflectionRequest_FileByFilename
)

func withoutTLS() grpc.DialOption {
	return grpc.WithInsecure()
}

type questions struct {
	grpc.ClientStream
}

func (q questions) Send(rq *reflectionRequest) error {
	return q.SendMsg(rq)
}

func (q questions) Recv() (*reflectionResponse, error) {
	rs := new(reflectionResponse)
	return rs, q.RecvMsg(rs)
}

func reflectionV1(ctx context.Context) (questions, error) {
	s, err := conn.NewStream(ctx, streamed, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
	return questions{s}, err
}
