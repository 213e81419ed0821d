//! The S3 operations that are served. What is not here answers NotImplemented, by the protocol's own default.

use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, BucketLocationConstraint,
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CopyObjectInput, CopyObjectOutput,
    CreateBucketInput, CreateBucketOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput,
    DeleteBucketInput, DeleteBucketOutput, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput,
    DeleteObjectsOutput, DeletedObject, ETagCondition, GetBucketLocationInput, GetBucketLocationOutput,
    GetBucketNotificationConfigurationInput, GetBucketNotificationConfigurationOutput,
    GetBucketVersioningInput, GetBucketVersioningOutput, GetObjectInput, GetObjectOutput, HeadBucketInput,
    HeadBucketOutput, HeadObjectInput, HeadObjectOutput, ListBucketsInput, ListBucketsOutput,
    ListMultipartUploadsInput, ListMultipartUploadsOutput, ListObjectVersionsInput, ListObjectVersionsOutput,
    ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, ListPartsInput,
    ListPartsOutput, ObjectIdentifier, PutBucketVersioningInput, PutBucketVersioningOutput, PutObjectInput,
    PutObjectOutput, UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
};
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

use crate::s3::storage::{Deleted, Storage, bucket};
use crate::s3::versions;

/// The most objects that one DeleteObjects may name.
const MAX_DELETES: usize = 1000;

#[async_trait::async_trait]
impl S3 for Storage {
    async fn create_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        let name = request.input.bucket;
        let location = Some(format!("/{name}"));
        self.create_bucket_named(name).await?;
        Ok(S3Response::new(CreateBucketOutput { location }))
    }

    async fn delete_bucket(
        &self,
        request: S3Request<DeleteBucketInput>,
    ) -> S3Result<S3Response<DeleteBucketOutput>> {
        self.delete_bucket_named(request.input.bucket).await?;
        Ok(S3Response::new(DeleteBucketOutput::default()))
    }

    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        bucket(&self.index.read()?, &request.input.bucket)?;
        let bucket_region = Some(self.region.clone());
        Ok(S3Response::new(HeadBucketOutput {
            bucket_region,
            ..HeadBucketOutput::default()
        }))
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        bucket(&self.index.read()?, &request.input.bucket)?;
        // The answer for us-east-1 is an empty element: the region is older than the question.
        let elsewhere = Some(self.region.clone()).filter(|region| region != "us-east-1");
        let location_constraint = elsewhere.map(BucketLocationConstraint::from);
        Ok(S3Response::new(GetBucketLocationOutput { location_constraint }))
    }

    async fn list_buckets(
        &self,
        request: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        self.buckets(request.input.prefix.as_deref().unwrap_or_default())
            .map(S3Response::new)
    }

    async fn put_bucket_versioning(
        &self,
        request: S3Request<PutBucketVersioningInput>,
    ) -> S3Result<S3Response<PutBucketVersioningOutput>> {
        let PutBucketVersioningInput {
            bucket,
            versioning_configuration,
            ..
        } = request.input;
        self.set_versioning(bucket, versioning_configuration.status)
            .await?;
        Ok(S3Response::new(PutBucketVersioningOutput::default()))
    }

    async fn get_bucket_versioning(
        &self,
        request: S3Request<GetBucketVersioningInput>,
    ) -> S3Result<S3Response<GetBucketVersioningOutput>> {
        self.versioning(&request.input.bucket).map(S3Response::new)
    }

    async fn get_bucket_notification_configuration(
        &self,
        request: S3Request<GetBucketNotificationConfigurationInput>,
    ) -> S3Result<S3Response<GetBucketNotificationConfigurationOutput>> {
        bucket(&self.index.read()?, &request.input.bucket)?;
        let listeners = self.announcer.listeners(&request.input.bucket);
        Ok(S3Response::new(GetBucketNotificationConfigurationOutput {
            lambda_function_configurations: Some(listeners),
            queue_configurations: Some(self.announcer.listening_queues(&request.input.bucket)),
            ..GetBucketNotificationConfigurationOutput::default()
        }))
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        self.put(request).await.map(S3Response::new)
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        self.get(request.input).map(S3Response::new)
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        self.head(request.input).map(S3Response::new)
    }

    async fn copy_object(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        self.copy(request).await.map(S3Response::new)
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let DeleteObjectInput {
            bucket,
            key,
            version_id,
            if_match,
            ..
        } = request.input;
        let Deleted {
            version_id,
            delete_marker,
        } = self.delete_one(bucket, key, version_id, if_match).await?;
        Ok(S3Response::new(DeleteObjectOutput {
            version_id,
            delete_marker,
            ..DeleteObjectOutput::default()
        }))
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let DeleteObjectsInput { bucket, delete, .. } = request.input;
        if delete.objects.is_empty() || delete.objects.len() > MAX_DELETES {
            return Err(s3_error!(
                MalformedXML,
                "A request deletes between 1 and {MAX_DELETES} objects."
            ));
        }
        let is_quiet = delete.quiet.unwrap_or_default();
        let mut output = DeleteObjectsOutput::default();
        for object in delete.objects {
            self.delete_named(&bucket, object, is_quiet, &mut output).await;
        }
        Ok(S3Response::new(output))
    }

    async fn list_objects(
        &self,
        request: S3Request<ListObjectsInput>,
    ) -> S3Result<S3Response<ListObjectsOutput>> {
        self.list_v1(request.input).map(S3Response::new)
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.list_v2(request.input).map(S3Response::new)
    }

    async fn list_object_versions(
        &self,
        request: S3Request<ListObjectVersionsInput>,
    ) -> S3Result<S3Response<ListObjectVersionsOutput>> {
        versions::list(&self.index.read()?, request.input).map(S3Response::new)
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.create_upload(request.input).await.map(S3Response::new)
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        Storage::upload_part(self, request).await.map(S3Response::new)
    }

    async fn upload_part_copy(
        &self,
        request: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        Storage::upload_part_copy(self, request.input)
            .await
            .map(S3Response::new)
    }

    async fn list_parts(&self, request: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
        self.list_parts_of(request.input).map(S3Response::new)
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        self.list_uploads(request.input).map(S3Response::new)
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        self.complete_upload(request.input).await.map(S3Response::new)
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let AbortMultipartUploadInput {
            bucket,
            key,
            upload_id,
            ..
        } = request.input;
        self.abort_upload(bucket, key, upload_id).await?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }
}

impl Storage {
    async fn delete_one(
        &self,
        bucket: String,
        key: String,
        version_id: Option<String>,
        if_match: Option<ETagCondition>,
    ) -> S3Result<Deleted> {
        let storage = self.clone();
        self.index
            .write(move |writer| {
                storage.delete(writer, &bucket, &key, version_id.as_deref(), if_match.as_ref())
            })
            .await
    }

    /// Deletes one of several; a failure is told in the answer and stops nothing.
    async fn delete_named(
        &self,
        bucket: &str,
        object: ObjectIdentifier,
        is_quiet: bool,
        output: &mut DeleteObjectsOutput,
    ) {
        let ObjectIdentifier {
            key,
            version_id,
            e_tag,
            ..
        } = object;
        let condition = e_tag.map(ETagCondition::ETag);
        match self
            .delete_one(bucket.to_owned(), key.clone(), version_id.clone(), condition)
            .await
        {
            Ok(_) if is_quiet => {}
            Ok(deleted) => output.deleted.get_or_insert_default().push(DeletedObject {
                key: Some(key),
                delete_marker: deleted.delete_marker,
                delete_marker_version_id: deleted.version_id.filter(|_| deleted.delete_marker.is_some()),
                version_id,
            }),
            Err(error) => output.errors.get_or_insert_default().push(s3s::dto::Error {
                code: Some(error.code().as_str().to_owned()),
                message: error.message().map(str::to_owned),
                key: Some(key),
                version_id,
            }),
        }
    }
}
