//go:build !debian

// What only newer versions of grpc-go have.
package main

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
)

type (
	reflectionRequest    = reflectionv1.ServerReflectionRequest
	reflectionResponse   = reflectionv1.ServerReflectionResponse
	listServices         = reflectionv1.ServerReflectionRequest_ListServices
	fileContainingSymbol = reflectionv1.ServerReflectionRequest_FileContainingSymbol
	fileByFilename       = reflectionv1.ServerReflectionRequest_FileByFilename
)

func withoutTLS() grpc.DialOption {
	return grpc.WithTransportCredentials(insecure.NewCredentials())
}

func reflectionV1(ctx context.Context) (reflectionv1.ServerReflection_ServerReflectionInfoClient, error) {
	return reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
}
